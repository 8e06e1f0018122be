/* SPDX-License-Identifier: Apache-2.0
 * Prints the registers as they are at the program's first instruction, by the names below. Addresses
 * in the program's own image are told from its beginning. */
__asm__(".globl _start\n_start:\n"
        "push %rsp\npush %r15\npush %r14\npush %r13\npush %r12\npush %r11\npush %r10\npush %r9\n"
        "push %r8\npush %rbp\npush %rdi\npush %rsi\npush %rdx\npush %rcx\npush %rbx\npush %rax\npushf\n"
        "mov %rsp, %rdi\nandq $-16, %rsp\ncall print\n"
        ".pushsection .text.filler, \"ax\"\n.fill 0x600000, 1, 0x90\n.popsection");

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

static long call3(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

void print(const unsigned long *registers);
__attribute__((used)) void print(const unsigned long *registers)
{
    static const char names[17][5] = {"flag", "rax ", "rbx ", "rcx ", "rdx ", "rsi ", "rdi ", "rbp ", "r8  ",
                                      "r9  ", "r10 ", "r11 ", "r12 ", "r13 ", "r14 ", "r15 ", "rsp "};
    unsigned long start = (unsigned long)__ehdr_start, end = (unsigned long)_end;
    for (int i = 0; i < 17; i++) {
        char text[22];
        unsigned long value = registers[i];
        int own = start <= value && value < end;
        for (int at = 0; at < 4; at++)
            text[at] = names[i][at];
        text[4] = own ? '+' : ' ';
        for (int digit = 0; digit < 16; digit++)
            text[5 + digit] = "0123456789abcdef"[(own ? value - start : value) >> (60 - 4 * digit) & 15];
        text[21] = '\n';
        call3(1, 1, (long)text, 22); /* write */
    }
    call3(60, 0, 0, 0); /* exit */
}
