/* SPDX-License-Identifier: Apache-2.0 */
/* The built stub (NT_STUB, a path) as octets of the agent. */
	.section .rodata
	.global nt_stub_begin, nt_stub_end
nt_stub_begin:
	.incbin NT_STUB
nt_stub_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
