let x = "1";
