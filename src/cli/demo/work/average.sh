# The sum divided by the count, rounded towards zero.
sum=0
count=0
while read -r number; do
  [ -n "$number" ] || continue
  sum=$((sum + number))
  count=$((count + 1))
done
if [ "$count" -eq 0 ]; then
  echo "no numbers, no average" >&2
  exit 1
fi
echo $((sum / count))
