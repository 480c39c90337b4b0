terraform import databend_cdc_table.orders raw.orders,ods.orders
