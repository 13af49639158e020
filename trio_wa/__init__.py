"""trio-wa: a WhatsApp dispatcher on Trio that delivers through WAHA."""
