# The largest number.
max=
while read -r number; do
  [ -n "$number" ] || continue
  if [ -z "$max" ] || [ "$number" -gt "$max" ]; then max=$number; fi
done
echo "$max"
