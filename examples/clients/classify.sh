#!/bin/sh
# Classify songs with curl:  classify.sh http://127.0.0.1:5000 song.mp3 another.flac
set -eu

server=${1:?the address of the server, such as http://127.0.0.1:5000}
shift

for song in "$@"; do
    printf '%s: ' "$song"
    curl --silent --show-error --form "file=@$song" "$server/predict"
    echo
done
