// SPDX-License-Identifier: Apache-2.0
// Exceptions that the JVM makes of signals: SIGSEGV for null and for the ends of stacks, SIGFPE, SIGBUS.
import java.io.RandomAccessFile;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.*;

public class Faults {
    int field = 1;
    Faults next;
    static final Faults[] some = new Faults[64];

    static int read(Faults object) { return object.field; }

    static int divide(int a, int b) { return a / b; }

    static int pick(int[] list, int at) { return list[at]; }

    static int deep(int n) { return 1 + deep(n + 1); }

    static void nulls() {
        for (int i = 0; i < some.length; i++) some[i] = i % 16 == 0 ? null : new Faults();
        int sum = 0, nulls = 0;
        for (int i = 0; i < 2_000_000; i++) {
            try { sum += read(some[i & 63]); } catch (NullPointerException e) { nulls++; }
        }
        Test.is("null in compiled code", nulls == 125_000 && sum == 1_875_000);
    }

    static void division() {
        int zeros = 0, sum = 0;
        for (int i = 0; i < 500_000; i++) {
            try { sum += divide(10, i % 10); } catch (ArithmeticException e) { zeros++; }
        }
        Test.is("division by zero", zeros == 50_000 && sum == 50_000 * 26);
    }

    static void bounds() {
        int[] list = new int[100];
        int beyond = 0;
        for (int i = 0; i < 500_000; i++) {
            try { pick(list, i % 101); } catch (ArrayIndexOutOfBoundsException e) { beyond++; }
        }
        Test.is("beyond an array", beyond == 500_000 / 101);
    }

    static void stacks() throws Exception {
        boolean right = true;
        for (int i = 0; i < 20; i++) right &= Test.throwsA(StackOverflowError.class, () -> deep(0));
        boolean[] other = { true };
        for (int i = 0; i < 20; i++) {
            Thread thread = new Thread(null, () -> {
                other[0] &= Test.throwsA(StackOverflowError.class, () -> deep(0));
            }, "small", 256 << 10);
            thread.start();
            thread.join();
        }
        Test.is("end of the stack", right);
        Test.is("end of a thread's stack", other[0]);
    }

    static void mapped() throws Exception {
        Path path = Files.createTempFile("mapped", null);
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(1 << 20);
            MappedByteBuffer buffer = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, 1 << 20);
            buffer.put(5, (byte) 7);
            file.setLength(0);
            Test.is("a mapped file that was truncated", Test.throwsA(InternalError.class, () -> {
                for (int i = 0; i < 1 << 20; i += 4096) buffer.get(i);
                Thread.sleep(10); // the JVM throws at some later moment
            }));
        }
        Files.delete(path);
    }

    static void memory() {
        boolean right = true;
        for (int i = 0; i < 3; i++) {
            right &= Test.throwsA(OutOfMemoryError.class, () -> {
                java.util.List<byte[]> all = new java.util.ArrayList<>();
                while (true) all.add(new byte[1 << 20]);
            });
        }
        Test.is("no memory", right);
    }

    static void traces() {
        int lines = 0;
        for (int i = 0; i < 2000; i++) {
            try { trace(30); } catch (IllegalStateException e) { lines += e.getStackTrace().length; }
        }
        Test.is("backtraces", lines == 2000 * 33);
    }

    static void trace(int n) { if (n == 0) throw new IllegalStateException(); trace(n - 1); }

    public static void main(String[] words) throws Exception {
        nulls();
        division();
        bounds();
        stacks();
        mapped();
        traces();
        memory();
        Test.end();
    }
}
