expect 3 count 7 7 7
