def write_model_card(folder): pass
