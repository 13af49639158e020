"""The settings of trio-wa: the only reader of the environment and of `.env`."""

from trio_wa.config.settings import Settings, SettingsError, load_settings

__all__ = ["Settings", "SettingsError", "load_settings"]
