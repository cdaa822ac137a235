//! Finds DPDK, compiles the shim, generates the bindings and says how to link.
//!
//! `HUB_DPDK_LINK=static|shared` overrides how DPDK is linked. Unset, a release build links it statically (10 % and
//! more faster in the poll loop, and one file to deploy) and any other build links the shared libraries, which is
//! quicker to link and lets DPDK load its drivers as plug-ins.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

const REMEDY: &str = "run `scripts/setup`, which installs it on Debian 12";

/// Drivers linked into a static program, by archive name after `librte_`. A driver that needs another one or a
/// library outside DPDK names it in [`NEEDS`]. Those that a DPDK release lacks are passed over.
const DRIVERS: &[&str] = &[
    "bus_auxiliary",
    "bus_pci",
    "bus_vdev",
    "bus_vmbus",
    "common_iavf",
    "common_idpf",
    "common_mlx5",
    "mempool_ring",
    "mempool_stack",
    "net_af_packet",
    "net_af_xdp",
    "net_bnxt",
    "net_bond",
    "net_e1000",
    "net_ena",
    "net_enic",
    "net_gve",
    "net_i40e",
    "net_iavf",
    "net_ice",
    "net_idpf",
    "net_igc",
    "net_ixgbe",
    "net_memif",
    "net_mlx5",
    "net_netvsc",
    "net_null",
    "net_pcap",
    "net_ring",
    "net_tap",
    "net_vhost",
    "net_virtio",
    "net_vmxnet3",
];

/// Libraries outside DPDK that a driver needs; a driver whose libraries are not installed is left out.
const NEEDS: &[(&str, &[&str])] = &[
    ("common_mlx5", &["mlx5", "ibverbs"]),
    ("net_mlx5", &["mlx5", "ibverbs"]),
    ("net_af_xdp", &["xdp", "bpf", "elf", "z"]),
    ("net_pcap", &["pcap"]),
];

/// DPDK's libraries, those that use others first.
const CORE: &[&str] = &[
    "vhost",
    "bpf",
    "pdump",
    "pcapng",
    "bitratestats",
    "latencystats",
    "metrics",
    "security",
    "cryptodev",
    "sched",
    "ip_frag",
    "gso",
    "gro",
    "dmadev",
    "hash",
    "timer",
    "rcu",
    "stack",
    "pci",
    "ethdev",
    "meter",
    "net",
    "mbuf",
    "mempool",
    "ring",
    "eal",
    "telemetry",
    "kvargs",
    "log",
    "argparse",
    "ptr_compress",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\n*** dpdk-sys: {message}\n");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    for file in ["build.rs", "csrc/shim.h", "csrc/shim.c"] {
        println!("cargo:rerun-if-changed={file}");
    }
    for name in ["HUB_DPDK_LINK", "PKG_CONFIG_PATH", "LIBCLANG_PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let version = pkg_config(&["--modversion", "libdpdk"])?.join(" ");
    // The pkg-config crate drops `-include rte_config.h` and `-march`, without which the headers do not compile.
    let flags = pkg_config(&["--cflags", "libdpdk"])?;
    compile_shim(&flags);
    generate(&flags, &version)?;
    link()
}

fn pkg_config(args: &[&str]) -> Result<Vec<String>, String> {
    let output = Command::new("pkg-config")
        .args(args)
        .output()
        .map_err(|error| format!("pkg-config does not run ({error}): {REMEDY}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("DPDK's development files are missing: {REMEDY}.\n{}", said.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect())
}

fn compile_shim(flags: &[String]) {
    let mut cc = cc::Build::new();
    cc.file("csrc/shim.c").warnings(false);
    for flag in flags {
        cc.flag(flag);
    }
    cc.compile("hub_dpdk_shim");
}

fn generate(flags: &[String], version: &str) -> Result<(), String> {
    find_libclang()?;
    let bindings = bindgen::Builder::default()
        .header("csrc/shim.h")
        .clang_args(flags)
        .allowlist_function("hub_.*")
        .allowlist_type("hub_.*")
        .allowlist_var("HUB_.*")
        .allowlist_function("rte_eal_(init|cleanup)|rte_version|rte_strerror|rte_log_set_global_level")
        .allowlist_function("rte_thread_(un)?register|rte_get_tsc_hz|rte_socket_id|rte_dev_probe")
        .allowlist_function("rte_pktmbuf_(pool_create|free_bulk)|rte_mempool_(free|avail_count|in_use_count)")
        .allowlist_function("rte_eth_dev_(start|stop|set_mtu|get_mtu)|rte_eth_promiscuous_(enable|get)")
        .allowlist_function("rte_eth_allmulticast_enable|rte_eth_(x?stats)_(get|get_names|reset)")
        .allowlist_var("rte_eth_fp_ops")
        .opaque_type("rte_mbuf.*|rte_mempool|rte_eth_dev_info|rte_eth_conf")
        .prepend_enum_name(false)
        .layout_tests(true)
        .derive_default(true)
        .generate_comments(false)
        .raw_line(format!(
            "/// DPDK release that the bindings were made from.\npub const RELEASE: &str = \"{version}\";"
        ))
        .generate()
        .map_err(|error| {
            format!("bindgen: {error}.\nlibclang and the clang headers must be of one version")
        })?;
    let out = PathBuf::from(env::var("OUT_DIR").map_err(|error| error.to_string())?);
    bindings.write_to_file(out.join("bindings.rs")).map_err(|error| error.to_string())
}

/// bindgen panics when it finds no libclang; say what to do instead.
fn find_libclang() -> Result<(), String> {
    let holds = |dir: &Path| {
        fs::read_dir(dir).is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libclang"))
        })
    };
    if let Some(path) = env::var_os("LIBCLANG_PATH") {
        let path = PathBuf::from(path);
        if path.is_file() || holds(&path) {
            return Ok(());
        }
    }
    // Not where .cargo/config.toml says: ask LLVM itself.
    for tool in ["llvm-config-14", "llvm-config"] {
        let Ok(output) = Command::new(tool).arg("--libdir").output() else { continue };
        let dir = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        if holds(&dir) {
            // SAFETY: the build script has one thread.
            unsafe { env::set_var("LIBCLANG_PATH", &dir) };
            return Ok(());
        }
    }
    Err(format!("libclang is missing: {REMEDY}; or set LIBCLANG_PATH to its directory"))
}

fn link() -> Result<(), String> {
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    match env::var("HUB_DPDK_LINK").as_deref() {
        Ok("static") => link_static(),
        Ok("shared") => link_shared(),
        Ok(other) => Err(format!("HUB_DPDK_LINK is `{other}`; it takes `static` or `shared`")),
        Err(_) if release => link_static(),
        Err(_) => link_shared(),
    }
}

fn link_shared() -> Result<(), String> {
    for flag in pkg_config(&["--libs", "libdpdk"])? {
        if let Some(dir) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={dir}");
        } else if let Some(name) = flag.strip_prefix("-l") {
            // What the shim and the bindings use; drivers are plug-ins.
            if ["rte_ethdev", "rte_mempool", "rte_mbuf", "rte_ring", "rte_eal", "rte_kvargs"].contains(&name)
            {
                println!("cargo:rustc-link-lib=dylib={name}");
            }
        }
    }
    Ok(())
}

fn link_static() -> Result<(), String> {
    let libdir = PathBuf::from(pkg_config(&["--variable=libdir", "libdpdk"])?.join(" "));
    let archive = |name: &str| libdir.join(format!("librte_{name}.a")).is_file();
    if !archive("eal") {
        return Err(format!(
            "DPDK's static libraries are not in {}: {REMEDY}; or set HUB_DPDK_LINK=shared",
            libdir.display()
        ));
    }
    println!("cargo:rustc-link-search=native={}", libdir.display());
    let mut outside = vec![];
    for driver in DRIVERS.iter().copied().filter(|name| archive(name)) {
        let needs = NEEDS.iter().find(|(name, _)| *name == driver).map_or(&[][..], |(_, needs)| needs);
        if let Some(missing) = needs.iter().find(|name| !libdir.join(format!("lib{name}.so")).exists()) {
            println!("cargo:warning=driver {driver} is left out: lib{missing} is not installed");
            continue;
        }
        // Drivers register themselves in constructors that nothing refers to.
        println!("cargo:rustc-link-lib=static:+whole-archive,-bundle=rte_{driver}");
        outside.extend(needs);
    }
    for library in CORE.iter().copied().filter(|name| archive(name)) {
        println!("cargo:rustc-link-lib=static:+whole-archive,-bundle=rte_{library}");
    }
    outside.sort_unstable();
    outside.dedup();
    for library in outside.into_iter().chain(&["bsd", "numa", "m", "dl", "pthread"]) {
        println!("cargo:rustc-link-lib=dylib={library}");
    }
    // Optional parts of EAL that some builds of DPDK use.
    for library in ["fdt", "atomic", "elf", "pcap", "jansson", "md"] {
        if libdir.join(format!("lib{library}.so")).exists() {
            println!("cargo:rustc-link-lib=dylib={library}");
        }
    }
    Ok(())
}
