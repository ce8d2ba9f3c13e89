"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A busy machine is no reason to fail: timings never decide a test.
settings.register_profile("luthier", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("luthier")
