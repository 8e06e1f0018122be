// SPDX-License-Identifier: Apache-2.0
// Work for garbage collectors: structures that live and die, from several threads, and are looked over.
import java.lang.ref.*;
import java.util.*;

public class Garbage {
    static final class Node {
        final Node left, right;
        final long value;

        Node(int depth, long value) {
            this.value = value;
            left = depth == 0 ? null : new Node(depth - 1, 2 * value);
            right = depth == 0 ? null : new Node(depth - 1, 2 * value + 1);
        }

        boolean isRight(long expected) {
            return value == expected && (left == null || left.isRight(2 * expected) && right.isRight(2 * expected + 1));
        }
    }

    public static void main(String[] words) throws Exception {
        boolean[] right = { true, true, true, true };
        Thread[] threads = new Thread[right.length];
        for (int i = 0; i < threads.length; i++) {
            int number = i;
            threads[i] = new Thread(() -> {
                Node old = new Node(12, number + 1);
                for (int n = 0; n < 60; n++) {
                    Node young = new Node(12, n + 1);
                    Map<Integer, String> map = new HashMap<>();
                    for (int k = 0; k < 2000; k++) map.put(k, "value " + k);
                    right[number] &= young.isRight(n + 1) && old.isRight(number + 1) && map.get(1999).equals("value 1999");
                    if (n % 20 == 19) old = new Node(12, number + 1);
                }
            });
            threads[i].start();
        }
        for (Thread thread : threads) thread.join();
        Test.is("structures", right[0] && right[1] && right[2] && right[3]);

        WeakReference<Object> weak = new WeakReference<>(new Object());
        for (int i = 0; i < 50 && weak.get() != null; i++) System.gc();
        Test.is("weak references", weak.get() == null);

        int[] cleaned = { 0 };
        Cleaner cleaner = Cleaner.create();
        for (int i = 0; i < 100; i++) cleaner.register(new Object(), () -> { synchronized (cleaned) { cleaned[0]++; } });
        for (int i = 0; i < 200; i++) {
            System.gc();
            Thread.sleep(5);
            synchronized (cleaned) { if (cleaned[0] == 100) break; }
        }
        Test.is("cleaners", cleaned[0] == 100);

        List<java.nio.ByteBuffer> direct = new ArrayList<>();
        for (int i = 0; i < 64; i++) direct.add(java.nio.ByteBuffer.allocateDirect(1 << 16).putInt(0, i));
        boolean whole = true;
        for (int i = 0; i < 64; i++) whole &= direct.get(i).getInt(0) == i;
        Test.is("direct buffers", whole);
        Test.end();
    }
}
