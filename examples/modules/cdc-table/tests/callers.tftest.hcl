run "count_and_for_each" {
  command = plan

  module {
    source = "./tests/callers"
  }

  assert {
    condition     = length(output.counted) == 1 && output.counted[0] == "raw.counted,ods.counted"
    error_message = "count = 1 plans one table."
  }

  assert {
    condition     = output.each == { items = "raw.items,ods.items", orders = "raw.orders,ods.orders" }
    error_message = "for_each plans a table for each key."
  }

  assert {
    condition     = length(output.pipelines) == 2
    error_message = "Every table has its pipeline in the plan."
  }

  assert {
    condition     = toset([for rule in jsondecode(output.mappings).rules : rule.object-locator.table-name if rule.rule-type == "selection"]) == toset(["orders", "items"])
    error_message = "Every table's entry selects it in the mappings."
  }
}

run "count_of_none" {
  command = plan

  module {
    source = "./tests/callers"
  }

  variables {
    enabled = false
    tables  = []
  }

  assert {
    condition     = length(output.counted) == 0 && length(output.each) == 0
    error_message = "No table is planned."
  }
}
