# { raw = "DECIMAL(76, 30)", ods = "DECIMAL(12, 2)" }
output "amount" {
  value = provider::databend::column_type("decimal(12,2)")
}
