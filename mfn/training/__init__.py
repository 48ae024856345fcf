"""The LightningModule and what is around it: parameter groups, schedules, callbacks, monitors."""
