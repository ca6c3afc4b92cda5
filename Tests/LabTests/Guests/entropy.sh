# Reads from the hardware's random number generator, and nothing else's.
insert_modules
section generator cat /sys/class/misc/hw_random/rng_current

# The tests of FIPS 140-2 on blocks of 20,000 bits, of which good ones fail 1 in 1,200.
check() {
    dd if=/dev/hwrng bs=10000 count=10 iflag=fullblock 2>/dev/null >/tmp/random
    wc -c </tmp/random
    /usr/bin/rngtest </tmp/random 2>&1 | grep -E 'FIPS 140-2 (successes|failures)' | sed 's/.*: //'
}

section bytes check
section end
