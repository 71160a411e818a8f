"""Settings that the tests of decisions share."""

from hypothesis import settings

# A busy machine is no failure: how long an example takes is not what these tests are about.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
