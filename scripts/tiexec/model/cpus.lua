-- SPDX-License-Identifier: Apache-2.0
--- The CPUs of the model of TLBs, as their makers describe them. core/base/tlb.c has the same
-- figures.

--- List of `name`; `first`, the first level for pages of 4 KiB; `huge`, that for 2 MiB; `second`,
-- the second level; `from`, where that stands.
return {
    { name = "zen3", first = "64, fully associative", huge = "the same",
        second = "512, 8 ways, for instructions alone",
        from = "AMD, *Software Optimization Guide for AMD Family 19h Processors*, 56665" },
    { name = "skylake", first = "128, 8 ways", huge = "8", second = "1536, 12 ways",
        from = "Intel, *64 and IA-32 Architectures Optimization Reference Manual*, 248966: "
            .. "TLB parameters of the Skylake Client microarchitecture" },
    { name = "neoverse-n1", first = "48, fully associative", huge = "the same",
        second = "1280, 5 ways",
        from = "Arm, *Neoverse N1 Core Technical Reference Manual*, 100616: TLB organization" },
}
