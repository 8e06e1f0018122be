/* SPDX-License-Identifier: Apache-2.0
 * What gdb is told of x86-64's registers. */
#include "arch.h"

#define TIMES_8(X)    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define TIMES_16(X)   TIMES_8(X) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define FROM_16_ON(X) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) \
                      X(28) X(29) X(30) X(31)

#define FLAG(name, bit)   "<field name='" name "' start='" #bit "' end='" #bit "' type='bool'/>"
#define VECTOR(id, of, n) "<vector id='" id "' type='" of "' count='" #n "'/>"
#define FIELD(name, type) "<field name='" name "' type='" type "'/>"

#define ST(n)   "st" #n " 10 i387_ext\n"
#define XMM(n)  "xmm" #n " 16 vec128\n"
#define YMMH(n) "ymm" #n "h 16 uint128 ymm" #n " 16\n"
#define ZMMH(n) "zmm" #n "h 32 v2ui128 zmm" #n " 32\n"
#define K(n)    "k" #n " 8 uint64\n"

static const char core_types[] =
    "<flags id='i386_eflags' size='4'>" FLAG("CF", 0) FLAG("", 1) FLAG("PF", 2) FLAG("AF", 4)
    FLAG("ZF", 6) FLAG("SF", 7) FLAG("TF", 8) FLAG("IF", 9) FLAG("DF", 10) FLAG("OF", 11)
    FLAG("NT", 14) FLAG("RF", 16) FLAG("VM", 17) FLAG("AC", 18) FLAG("VIF", 19) FLAG("VIP", 20)
    FLAG("ID", 21) "</flags>";

static const char core_registers[] =
    "rax 8 int64\nrbx 8 int64\nrcx 8 int64\nrdx 8 int64\nrsi 8 int64\nrdi 8 int64\n"
    "rbp 8 data_ptr\nrsp 8 data_ptr\nr8 8 int64\nr9 8 int64\nr10 8 int64\nr11 8 int64\n"
    "r12 8 int64\nr13 8 int64\nr14 8 int64\nr15 8 int64\nrip 8 code_ptr\neflags 4 i386_eflags\n"
    "cs 4 int32\nss 4 int32\nds 4 int32\nes 4 int32\nfs 4 int32\ngs 4 int32\n" TIMES_8(ST)
    "fctrl 4:2 int/float\nfstat 4:2 int/float\nftag 4:2 int/float\nfiseg 4:2 int/float\n"
    "fioff 4 int/float\nfoseg 4:2 int/float\nfooff 4 int/float\nfop 4:2 int/float\n";

static const char sse_types[] =
    VECTOR("v8bf16", "bfloat16", 8) VECTOR("v8h", "ieee_half", 8) VECTOR("v4f", "ieee_single", 4)
    VECTOR("v2d", "ieee_double", 2) VECTOR("v16i8", "int8", 16) VECTOR("v8i16", "int16", 8)
    VECTOR("v4i32", "int32", 4) VECTOR("v2i64", "int64", 2) "<union id='vec128'>"
    FIELD("v8_bfloat16", "v8bf16") FIELD("v8_half", "v8h") FIELD("v4_float", "v4f")
    FIELD("v2_double", "v2d") FIELD("v16_int8", "v16i8") FIELD("v8_int16", "v8i16")
    FIELD("v4_int32", "v4i32") FIELD("v2_int64", "v2i64") FIELD("uint128", "uint128") "</union>"
    "<flags id='i386_mxcsr' size='4'>" FLAG("IE", 0) FLAG("DE", 1) FLAG("ZE", 2) FLAG("OE", 3)
    FLAG("UE", 4) FLAG("PE", 5) FLAG("DAZ", 6) FLAG("IM", 7) FLAG("DM", 8) FLAG("ZM", 9)
    FLAG("OM", 10) FLAG("UM", 11) FLAG("PM", 12) FLAG("FZ", 15) "</flags>";

static const char wide_types[] =
    VECTOR("v2ui128", "uint128", 2) VECTOR("v8bf16", "bfloat16", 8) VECTOR("v8h", "ieee_half", 8)
    VECTOR("v4f", "ieee_single", 4) VECTOR("v2d", "ieee_double", 2) VECTOR("v16i8", "int8", 16)
    VECTOR("v8i16", "int16", 8) VECTOR("v4i32", "int32", 4) VECTOR("v2i64", "int64", 2)
    "<union id='vec128'>" FIELD("v8_bfloat16", "v8bf16") FIELD("v8_half", "v8h")
    FIELD("v4_float", "v4f") FIELD("v2_double", "v2d") FIELD("v16_int8", "v16i8")
    FIELD("v8_int16", "v8i16") FIELD("v4_int32", "v4i32") FIELD("v2_int64", "v2i64")
    FIELD("uint128", "uint128") "</union>";

const char arch_gdb_name[] = "i386:x86-64";

const struct arch_feature arch_features[] = {
    {"org.gnu.gdb.i386.core", core_types, core_registers},
    {"org.gnu.gdb.i386.sse", sse_types, TIMES_16(XMM) "mxcsr 4 i386_mxcsr/vector\n"},
    {"org.gnu.gdb.i386.linux", "", "orig_rax 8 int\n"},
    {"org.gnu.gdb.i386.segments", "", "fs_base 8 int\ngs_base 8 int\n"},
    {"org.gnu.gdb.i386.avx", "", TIMES_16(YMMH)},
    {"org.gnu.gdb.i386.avx512", wide_types,
     TIMES_8(K) TIMES_16(ZMMH) FROM_16_ON(XMM) FROM_16_ON(YMMH) FROM_16_ON(ZMMH)},
    {"org.gnu.gdb.i386.pkeys", "", "pkru 4 uint32\n"},
};
const size_t arch_feature_count = sizeof arch_features / sizeof arch_features[0];
