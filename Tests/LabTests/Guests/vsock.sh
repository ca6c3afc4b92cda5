# Talks with the host at port 7000, and serves port 7001 until the host is content.
insert_modules

section connections streams check vsock:2:7000 10 100 5000
section bytes streams check vsock:2:7000 1 1 $bytes
section refused streams check vsock:2:7999 1 1 1 2>&1
streams serve vsock:any:7001 &
echo 'guest: serving'
read -r _
section end
