export default function ResourceServersPage() { return null; }
