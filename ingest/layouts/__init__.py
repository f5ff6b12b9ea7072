"""The layouts of events and accounts: declared once as text, from which all else derives."""
