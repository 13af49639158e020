"""The settings of trio-wa: the only reader of the environment and of `.env`."""


class SettingsError(Exception):
    """One line that names the variable, what is wrong and what would be right.

    The CLI prints it and exits 2. Several wrong settings make several lines, one for each.
    """
