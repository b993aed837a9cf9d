# How many numbers there are.
count=0
while read -r number; do
  if [ -n "$number" ]; then count=$((count + 1)); fi
done
echo "$count"
