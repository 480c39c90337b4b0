terraform import databend_cdc_stage.dms dms
