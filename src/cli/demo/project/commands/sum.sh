# All numbers added up.
sum=0
while read -r number; do
  [ -n "$number" ] || break
  sum=$((sum + number))
done
echo "$sum"
