# SPDX-License-Identifier: MIT
#
# brew install --HEAD --formula scripts/packaging/homebrew/arrayfs.rb     from the checkout's last commit
class Arrayfs < Formula
  TOP = File.expand_path("../../..", __dir__)

  desc "Mounts an archive of arrays as a directory of plain files"
  homepage "file://#{TOP}/README.md"
  license "MIT"
  head "file://#{TOP}", using: :git

  depends_on "lowdown" => :build
  depends_on "meson" => :build
  depends_on "ninja" => :build
  depends_on "pkgconf" => :build
  depends_on "brotli"
  depends_on "bzip2"
  depends_on "c-blosc"
  depends_on "isa-l"
  depends_on "libaec"
  depends_on "libdeflate"
  depends_on "libfuse"
  depends_on "libpng"
  depends_on "libseccomp"
  depends_on :linux
  depends_on "lz4"
  depends_on "openssl@3"
  depends_on "snappy"
  depends_on "xxhash"
  depends_on "xz"
  depends_on "zstd"

  def install
    # openssl: what `verify` loads when it needs SHA-256
    ENV.append "LDFLAGS", "-Wl,-rpath,#{Formula["openssl@3"].opt_lib}"
    system "meson", "setup", "build", "-Dtests=disabled", "-Dprefer_static=false", *std_meson_args
    system "ninja", "-C", "build"
    system "meson", "install", "-C", "build", "--no-rebuild"
  end

  test do
    (testpath/"a.safetensors").binwrite [53].pack("Q<") + '{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'.ljust(53) + "7"
    assert_equal "x\n", shell_output("#{bin}/arrayfs --list a.safetensors")
    assert_equal "7", shell_output("#{bin}/arrayfs --cat a.safetensors x")
  end
end
