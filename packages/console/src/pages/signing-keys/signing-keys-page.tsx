export default function SigningKeysPage() { return null; }
