"""What every room shares: types, time, boxes, identity, errors, settings. Imports no other room."""
