"""Training of the pocket models. No stage imports it; `python -m featherweight.pocket.training`."""
