#!/bin/sh
# sources.sh DIRECTORY PACKAGE...: the upstream sources of Debian packages of this machine's release, each as
# DIRECTORY/PACKAGE, by apt and its keys, wherever that gets its packages from. This machine's own lists stay as they are.
set -eu
directory=$1
shift
. /etc/os-release
mkdir -p "$directory"
directory=$(realpath "$directory")
scratch=$(mktemp -d "$directory/scratch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
mkdir -p lists/partial
uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Component: main' |
    sed -n "s/ $VERSION_CODENAME\$//p" | head -n 1)
[ -n "$uri" ] || { echo "sources.sh: apt has no packages of Debian's $VERSION_CODENAME, main" >&2; exit 1; }
echo "deb-src $uri $VERSION_CODENAME main" >sources.list
apt() {
    apt-get -qq -o APT::Sandbox::User=root -o Dir::Etc::SourceList="$PWD/sources.list" -o Dir::Etc::SourceParts=- \
        -o Dir::State::Lists="$PWD/lists" "$@"
}
apt update
for package; do
    apt source --download-only "$package" >&2
    mkdir "$package"
    tar x -C "$package" --strip-components=1 -f "$package"_*.orig.tar.gz
    rm -rf "../$package"
    mv "$package" ..
done
