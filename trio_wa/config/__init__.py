"""The settings of trio-wa: the only reader of the environment and of `.env`."""

from trio_wa.config.loading import SettingsError, load_settings
from trio_wa.config.settings import Settings

__all__ = ["Settings", "SettingsError", "load_settings"]
