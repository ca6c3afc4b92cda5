# Holds machines back by control groups of version 2, which this host has with all controllers. spin.elf is a guest that is
# never idle.

root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[ "$root" ] || { root=/cgroups; mkdir $root; mount -t cgroup2 none $root; }
busy='swiftlet run --cpu-quota 50% --cpu-weight 20 --timeout 30s --kernel spin.elf'

# watch NAME GROUP: the group of a running machine, until it was held back. Then the machine is told to end.
watch() {
    for try in $(seq 200); do
        group=$(echo $2/swiftlet-[0-9]*)
        grep -q 'nr_throttled [1-9]' $group/cpu.stat 2>/dev/null && break
        usleep 100000
    done
    echo "$1: $(cat $group/cpu.max) $(cat $group/cpu.weight) $(grep -c 'nr_throttled [1-9]' $group/cpu.stat)"
    kill -TERM ${group##*-}
    wait
    echo "left: $(find $root -name 'swiftlet-*')"
}

$busy >/dev/null 2>&1 &
watch root $root
mkdir $root/home
sh -c "echo 0 >$root/home/cgroup.procs; exec $busy" >/dev/null 2>&1 &
watch alone $root/home
sh -c "echo 0 >$root/home/cgroup.procs; $busy; cat /proc/self/cgroup >home" >/dev/null 2>&1 &
watch beside $root
echo "given: $(cat $root/home/cgroup.subtree_control)"
echo "home: $(cat home)"
