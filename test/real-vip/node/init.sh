# The first process of a node: its own files over those of this machine, its own network, its own processes. $1 a folder for its
# files, $2 its name, $3 the programs to see, $4 the folder of this script. Prints `ready`, and goes on until it is ended.
set -eu
base=$1 name=$2 programs=$3 here=$4
hostname "$name"
mount --make-rprivate /
mount -t tmpfs tmpfs "$base"
cp "$here/systemctl" "$base/systemctl"
for folder in etc var usr; do
  mkdir -p "$base/$folder.upper" "$base/$folder.work"
  lower=/$folder
  if [ -d "$programs/$folder" ]; then lower=$programs/$folder:/$folder; fi
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$base/$folder.upper,workdir=$base/$folder.work" "/$folder"
done
install -m 755 "$base/systemctl" /usr/bin/systemctl
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /run/lock /run/resource-agents /var/lib/heartbeat /var/log
grep -q '^haclient:' /etc/group || echo 'haclient:x:64990:' >> /etc/group
grep -q '^hacluster:' /etc/passwd || echo 'hacluster:x:64990:64990::/var/lib/heartbeat:/bin/false' >> /etc/passwd
for folder in ccm dopd crm rsctmp; do mkdir -p "/run/heartbeat/$folder"; done
chown -R 64990:64990 /run/heartbeat /var/lib/heartbeat
rm -rf /etc/keepalived /etc/ha.d/ha.cf /etc/ha.d/haresources /etc/ha.d/authkeys
printf '127.0.0.1 localhost\n' > /etc/hosts
ldconfig
ip link set lo up
echo ready
# Whoever is left behind by its parent is waited for here.
while :; do sleep 1000 & wait "$!" || true; done
