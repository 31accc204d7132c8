export default function OperatorsPage() { return null; }
