"""AWS and Databend Cloud on one machine, for the demo, the tests and anyone who wants to try."""
