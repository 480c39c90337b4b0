terraform {
  required_version = ">= 1.11"

  required_providers {
    databend = {
      source  = "databend-cdc/databend"
      version = "~> 0.1"
    }
  }
}
