"""The AWS DMS API (JSON 1.1, X-Amz-Target AmazonDMSv20160101.*).

One file per kind of resource; each has an `Actions` class whose methods are named after the API's actions.
`service.py` finds the method, checks the parameters against AWS's own model and prints the answer.
"""
