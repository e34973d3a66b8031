"""The demonstration: a small population, a cluster, enrolment, two searches, a report."""
