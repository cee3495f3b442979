#!/bin/sh
# Lays out what an image needs to run a binary: image.sh BINARY FOLDER.
set -eu
binary=$1 folder=$2
mkdir -p "$folder/usr/local/bin" "$folder/etc/sereno" "$folder/tmp" "$folder/data" "$folder/proc" "$folder/dev"
chmod 1777 "$folder/tmp"
chmod 0700 "$folder/data"
cp "$binary" "$folder/usr/local/bin/sereno"
# The loader and the libraries, each where the loader looks for it.
ldd "$binary" | grep -o '/[^ ]*' | sort -u | while read -r library; do
    mkdir -p "$folder$(dirname "$library")"
    cp -L "$library" "$folder$library"
done
# Names are looked up in /etc/hosts first, as everywhere.
echo 'hosts: files dns' >"$folder/etc/nsswitch.conf"
