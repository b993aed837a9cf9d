expect 6 sum 1 2 3
expect -1 sum 1 -2
