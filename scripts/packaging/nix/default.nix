# SPDX-License-Identifier: MIT
#
# nix-build scripts/packaging/nix       the program, from the checkout
{ pkgs ? import <nixpkgs> { } }:
let
  inherit (pkgs) lib;
  top = ../../..;
  version = builtins.head (builtins.match ".*[[:space:]]version : '([^']*)'.*" (builtins.readFile (top + "/meson.build")));
in
pkgs.stdenv.mkDerivation {
  pname = "arrayfs";
  inherit version;
  src = lib.cleanSourceWith {
    src = top;
    filter = path: type: lib.cleanSourceFilter path type && !(lib.hasPrefix (toString top + "/build") path);
  };
  nativeBuildInputs = with pkgs; [ meson ninja pkg-config python3 lowdown ];
  buildInputs = with pkgs; [
    fuse3 libseccomp openssl zstd snappy lz4 xxHash brotli libdeflate isa-l xz libpng c-blosc bzip2 libaec
  ];
  mesonFlags = [ "-Dtests=disabled" "-Dprefer_static=false" ];
  # What `verify` loads when it needs SHA-256; the link that mount(8) looks for leads to the program.
  postFixup = "patchelf --add-rpath ${lib.makeLibraryPath [ pkgs.openssl ]} $out/bin/arrayfs";
  meta = {
    description = "Mounts an archive of arrays as a directory of plain files";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
    mainProgram = "arrayfs";
  };
}
