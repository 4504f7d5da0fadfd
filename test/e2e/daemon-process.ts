// A latido of the end-to-end test: the product from main.ts on. `program.ts` puts the lab's clock and /etc/pve in place of the machine's.
// The stand-in of /etc/pve asks for no root; latido does.
process.getuid = () => 0;
await import('../../controller/main.ts');
