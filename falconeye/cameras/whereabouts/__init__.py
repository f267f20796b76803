"""Running cameras are learnt by their hardware, proved, and followed to other addresses."""
