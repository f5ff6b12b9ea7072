"""TradingView's Universal Data Feed (UDF) under `/udf`, from our read models."""
