"""Generated fingerprint images: the same persons as the generated templates, as pictures."""

from __future__ import annotations

from workers.biometrics.model import FingerImage, FingerPosition, Impression
from workers.synthesis.contact import CONTACT
from workers.synthesis.impression import ImpressionSettings, impress
from workers.synthesis.population import Person, Stream, stream, traits
from workers.synthesis.ridges import Master, master


def impression(
    person: Person,
    finger: FingerPosition,
    session: int,
    *,
    kind: Impression = Impression.PLAIN,
    settings: ImpressionSettings | None = None,
    ridges: Master | None = None,
) -> FingerImage:
    """One impression of one finger, 500 ppi; depends on nothing but the arguments.

    Args:
        person: of a generated population.
        finger: 1-10.
        session: any number from 0; each is another occasion.
        kind: plain or rolled, which sets region and size of the image.
        settings: of skin and sensor; the defaults resemble optical live-scan.
        ridges: the finger's master, if the caller keeps it to spare growing it again.
    """
    ridges = ridges or master(person, finger)
    take = 2 * session + (kind is Impression.ROLLED)
    rng = stream(Stream.IMAGE_IMPRESSION, person.seed, person.index, int(finger), take)
    skill = traits(person).skill
    return impress(ridges, CONTACT[kind], settings or ImpressionSettings(), skill, rng)
