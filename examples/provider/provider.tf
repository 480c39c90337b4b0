terraform {
  required_providers {
    databend = {
      source  = "databend-cdc/databend"
      version = "~> 0.1"
    }
  }
}

# dsn comes from the environment: DATABEND_DSN.
provider "databend" {}
