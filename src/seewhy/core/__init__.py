"""What everything stands on: settings, errors, types, randomness, progress; knows no picture and no model."""
