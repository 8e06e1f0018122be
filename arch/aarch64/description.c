/* SPDX-License-Identifier: Apache-2.0
 * What gdb is told of AArch64's registers. */
#include "arch.h"

#define TIMES_30(X)                                                                               \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)    \
    X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29)

#define FLAG(name, first, last) "<field name='" name "' start='" #first "' end='" #last "'/>"
#define VECTOR(id, of, n) "<vector id='" id "' type='" of "' count='" #n "'/>"
#define FIELD(name, type) "<field name='" name "' type='" type "'/>"

#define X(n) "x" #n " 8 int\n"
#define V(n) "v" #n " 16 aarch64v\n"

static const char core_types[] =
    "<flags id='cpsr_flags' size='4'>" FLAG("SP", 0, 0) FLAG("EL", 2, 3) FLAG("nRW", 4, 4)
    FLAG("F", 6, 6) FLAG("I", 7, 7) FLAG("A", 8, 8) FLAG("D", 9, 9) FLAG("BTYPE", 10, 11)
    FLAG("SSBS", 12, 12) FLAG("IL", 20, 20) FLAG("SS", 21, 21) FLAG("PAN", 22, 22)
    FLAG("UAO", 23, 23) FLAG("DIT", 24, 24) FLAG("TCO", 25, 25) FLAG("V", 28, 28)
    FLAG("C", 29, 29) FLAG("Z", 30, 30) FLAG("N", 31, 31) "</flags>";

static const char fpu_types[] =
    VECTOR("v2d", "ieee_double", 2) VECTOR("v2u", "uint64", 2) VECTOR("v2i", "int64", 2)
    VECTOR("v4f", "ieee_single", 4) VECTOR("v4u", "uint32", 4) VECTOR("v4i", "int32", 4)
    VECTOR("v8f", "ieee_half", 8) VECTOR("v8u", "uint16", 8) VECTOR("v8i", "int16", 8)
    VECTOR("v8bf16", "bfloat16", 8) VECTOR("v16u", "uint8", 16) VECTOR("v16i", "int8", 16)
    VECTOR("v1u", "uint128", 1) VECTOR("v1i", "int128", 1)
    "<union id='vnd'>" FIELD("f", "v2d") FIELD("u", "v2u") FIELD("s", "v2i") "</union>"
    "<union id='vns'>" FIELD("f", "v4f") FIELD("u", "v4u") FIELD("s", "v4i") "</union>"
    "<union id='vnh'>" FIELD("bf", "v8bf16") FIELD("f", "v8f") FIELD("u", "v8u") FIELD("s", "v8i")
    "</union>"
    "<union id='vnb'>" FIELD("u", "v16u") FIELD("s", "v16i") "</union>"
    "<union id='vnq'>" FIELD("u", "v1u") FIELD("s", "v1i") "</union>"
    "<union id='aarch64v'>" FIELD("d", "vnd") FIELD("s", "vns") FIELD("h", "vnh") FIELD("b", "vnb")
    FIELD("q", "vnq") "</union>";

const char arch_gdb_name[] = "aarch64";

const struct arch_feature arch_features[] = {
    {"org.gnu.gdb.aarch64.core", core_types,
     TIMES_30(X) "x30 8 int\nsp 8 data_ptr\npc 8 code_ptr\ncpsr 4 cpsr_flags\n"},
    {"org.gnu.gdb.aarch64.fpu", fpu_types,
     TIMES_30(V) V(30) V(31) "fpsr 4 int/float\nfpcr 4 int/float\n"},
    {"org.gnu.gdb.aarch64.tls", "", "tpidr 8 data_ptr\n"},
};
const size_t arch_feature_count = sizeof arch_features / sizeof arch_features[0];
