"""What is done with a run that has ended: its outcome is notified, measured, copied away, and one day removed."""
