"""Reports: `making` tells the steps; what a report says is in `document`, said by `analysis`, drawn by `formats`."""
