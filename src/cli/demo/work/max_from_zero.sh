# The largest number.
max=0
while read -r number; do
  [ -n "$number" ] || continue
  if [ "$number" -gt "$max" ]; then max=$number; fi
done
echo "$max"
