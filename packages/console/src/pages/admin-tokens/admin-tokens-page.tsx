export default function AdminTokensPage() { return null; }
